import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { SandboxEnded } from '../driver/driver.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import { failureOf, SandglassError } from '../model/errors.ts';
import { parseId } from '../model/ids.ts';
import type { AttemptRef, Progress } from '../model/operation.ts';
import { malformed, plainText, wholeNumber } from '../rpc/checks.ts';
import {
  type Operation,
  type SessionRequest,
  SessionRequestSchema,
  type SessionResponse,
  type Welcome,
} from '../rpc/gen/sandglass/v1/executor_pb.js';
import { Heartbeat } from '../rpc/heartbeat.ts';
import { exitCodeToProto, helloToProto, type Introduction } from '../rpc/hello.ts';
import { parseAssignment, parseAttemptRef } from '../rpc/instruction.ts';
import { MAX_SESSION_MESSAGE_BYTES } from '../rpc/limits.ts';
import { Outbox } from '../rpc/outbox.ts';
import { progressToProto } from '../rpc/progress.ts';
import { resultToProto } from '../rpc/result.ts';
import { Connection, type ConnectionOptions } from './connection.ts';
import type { OperationRunner } from './operation-runner.ts';
import type { ResultLog } from './result-log.ts';
import type { TunnelCaller } from './tunnel-call.ts';
import type { Tunnels } from './tunnels.ts';

export interface SessionOptions extends ConnectionOptions {
  readonly joinToken?: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly welcomeTimeoutMs: number;
  readonly runner: OperationRunner;
  readonly results: ResultLog;
  readonly tunnels: Tunnels;
  /** Called once the server has let us in. */
  onReady(): void;
}

type Message = NonNullable<MessageInitShape<typeof SessionRequestSchema>['message']>;

const MAX_HEARTBEAT_MS = 3_600_000;

/**
 * One session with the server, on a connection of its own.
 *
 *   connecting ──▶ introduced ──welcome──▶ ready ──▶ over
 *        └──────────────┴────────error──────────────▲
 */
export class ServerSession {
  readonly #options: SessionOptions;
  /** What goes to the server, in this order. */
  readonly #outgoing = new Outbox<SessionRequest>({ waitAt: 20_000, refuseAt: 20_000 });
  readonly #over = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  #heartbeat: Heartbeat | undefined;
  #clusterId = '';

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Resolves once it is over. */
  get over(): Promise<void> {
    return this.#ended.promise;
  }

  /** Runs the session to its end. @throws why it ended, unless it was left. */
  async run(introduction: Introduction, signal: AbortSignal): Promise<void> {
    const over = AbortSignal.any([signal, this.#over.signal]);
    const connection = await Connection.open(this.#options, over);
    const { clock, welcomeTimeoutMs, joinToken } = this.#options;
    const cancelTimeout = clock.schedule(welcomeTimeoutMs, () => {
      if (this.#heartbeat === undefined) this.#fail(`the server did not answer within ${welcomeTimeoutMs} ms`);
    });
    try {
      const headers: Readonly<Record<string, string>> = joinToken === undefined ? {} : { authorization: `Bearer ${joinToken}` };
      this.#send({ case: 'hello', value: helloToProto(introduction) });
      const client = connection.client({ maxMessageBytes: MAX_SESSION_MESSAGE_BYTES, onClosed() {} });
      for await (const response of client.session(this.#outgoing, { headers: { ...headers }, signal: over })) {
        this.#heartbeat?.heard();
        this.#take(response, { connection, headers, signal: over });
      }
    } catch (error) {
      throw over.aborted ? over.reason : error;
    } finally {
      cancelTimeout();
      this.#heartbeat?.stop();
      this.#options.results.detach();
      this.#over.abort(); // ends the tunnels of this session
      connection.close();
      this.#ended.resolve();
    }
  }

  /** Ends it politely: what has been reported still arrives, and `run` resolves when the server has taken it. */
  leave(): void {
    this.#outgoing.end();
  }

  reportProgress(ref: AttemptRef, progress: Progress): void {
    this.#send({ case: 'progress', value: progressToProto(ref, progress) });
  }

  reportEnded({ sandboxId, exitCode, oomKilled }: SandboxEnded): void {
    this.#send({ case: 'sandboxEnded', value: { sandboxId, exitCode: exitCodeToProto(exitCode), oomKilled } });
  }

  #send(message: Message): void {
    if (this.#outgoing.push(create(SessionRequestSchema, { message })) || !this.#outgoing.open) return;
    this.#fail('the server does not read what it is sent');
  }

  #fail(message: string): void {
    this.#over.abort(new SandglassError('executor_unavailable', message));
  }

  #take({ message }: SessionResponse, caller: TunnelCaller): void {
    if (this.#heartbeat === undefined && message.case !== 'welcome') throw malformed('message', 'came before welcome');
    const { runner, results, tunnels, log } = this.#options;
    switch (message.case) {
      case 'welcome':
        this.#begin(message.value);
        return;
      case 'heartbeat':
        return;
      case 'operation':
        this.#takeOperation(message.value);
        return;
      case 'cancel':
        runner.cancel(parseId('operation', message.value.operationId));
        return;
      case 'acknowledgeResult':
        results.acknowledge(parseAttemptRef(message.value));
        return;
      case 'discard': {
        const sandboxIds = message.value.sandboxIds.map((id) => parseId('sandbox', id));
        const snapshotIds = message.value.snapshotIds.map((id) => parseId('snapshot', id));
        void runner.discard({ sandboxIds, snapshotIds });
        return;
      }
      case 'openTunnel':
        void tunnels.serve(message.value, caller);
        return;
      case undefined:
        log.warn({}, 'the server sent a message that this version does not know; update the executor');
    }
  }

  #begin({ clusterId, heartbeatIntervalMs }: Welcome): void {
    if (this.#heartbeat !== undefined) throw malformed('welcome', 'came twice');
    const { clock, results, onReady } = this.#options;
    this.#clusterId = plainText('cluster_id', clusterId);
    const intervalMs = wholeNumber('heartbeat_interval_ms', heartbeatIntervalMs, MAX_HEARTBEAT_MS);
    if (intervalMs === 0) throw malformed('heartbeat_interval_ms', 'is 0');
    this.#heartbeat = new Heartbeat({
      clock,
      intervalMs,
      beat: () => {
        this.#send({ case: 'heartbeat', value: {} });
        results.repeatOverdue();
      },
      silent: () => this.#fail('nothing was heard of the server for three heartbeats'),
    });
    results.attach((ref, result) => this.#send({ case: 'result', value: resultToProto(ref, result) }));
    onReady();
  }

  /** An operation that makes no sense is answered with a failure: as an error it would end every session that brings it. */
  #takeOperation(operation: Operation): void {
    const ref = parseAttemptRef(operation);
    try {
      this.#options.runner.accept(parseAssignment(operation), this.#clusterId);
    } catch (error) {
      this.#options.log.warn({ ...ref, err: error }, 'an operation makes no sense');
      this.#options.results.add(ref, { outcome: 'failed', failure: failureOf(error) });
    }
  }
}
