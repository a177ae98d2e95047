import pc from 'picocolors';
import { Sandglass, type Snapshot } from '../../../sdk/src/index.ts';
import type { Cli } from '../cli.ts';
import { CliError } from '../failure.ts';
import { formatBytes } from '../format/quantities.ts';
import { DemoSteps } from './demo-steps.ts';

/** Everything that the demo makes carries it, and is found by it after a crash. */
const LABELS = { 'sandglass-demo': 'yes' };
const FILE = '/root/hello.txt';
const TEXT = 'hello from before the snapshot';
const READY_MS = 60_000;
/** How long cleaning up may take when the program ends. */
const REMOVE_MS = 20_000;

/** A process that writes the time every 100 ms: were the sandbox ever stopped, its log would end. */
const TICKING = 'while :; do date +%s%N >>/tmp/ticks; sleep 0.1; done >/dev/null 2>&1 & echo $!';
/** The longest pause between two ticks, in milliseconds, and the number of ticks. */
const LONGEST_PAUSE = `awk 'NR>1 && $1-last>max {max=$1-last} {last=$1} END {printf "%d %d", max/1000000, NR}' /tmp/ticks`;

/**
 * The main job, shown on the real thing: a sandbox is snapshotted while it runs, and restored. It uses nothing but the
 * public API, as anybody's program would.
 */
export class Demo {
  readonly #cli: Cli;
  readonly #url: string;
  readonly #sandglass: Sandglass;
  readonly #colors: ReturnType<typeof pc.createColors>;

  constructor(cli: Cli, url: string) {
    this.#cli = cli;
    this.#url = url;
    this.#sandglass = new Sandglass({ url, namespace: 'default', apiKey: cli.env.SANDGLASS_API_KEY });
    this.#colors = pc.createColors(cli.color && cli.stdout.isTTY === true);
  }

  /** @throws whatever a step fails with. */
  async run(): Promise<void> {
    const { signal } = this.#cli;
    const { sandboxes, snapshots } = this.#sandglass;
    const steps = new DemoSteps(this.#cli, this.#colors);
    await this.remove();

    await steps.run('executor connects', async () => {
      const executor = await this.#executor();
      return `${executor.hostname}, ${executor.engine}`;
    });
    const sandbox = await steps.run('create a sandbox', async (show) => {
      const { sandbox_id: id } = await sandboxes.create({ labels: LABELS }, { signal });
      const running = await sandboxes.waitUntilRunning(id, { signal, onProgress: ({ status }) => show(status) });
      return { ...running, toString: () => running.sandbox_id };
    });
    const shell = (id: string, command: string) => this.#shell(id, command);
    await steps.run('start a process, write a file', async () => {
      await shell(sandbox.sandbox_id, TICKING);
      await shell(sandbox.sandbox_id, `echo '${TEXT}' >${FILE}`);
      return FILE;
    });
    const snapshot = await steps.run('snapshot it while it runs', async (show) => {
      const { snapshot_id: id } = await snapshots.create(sandbox.sandbox_id, { labels: LABELS }, { signal });
      show('creating');
      const active = await snapshots.waitUntilActive(id, { signal, onProgress: (seen) => show(describe(seen)) });
      return { ...active, toString: () => `${id} is ${describe(active)}` };
    });
    await steps.run('change the file afterwards', async () => {
      await shell(sandbox.sandbox_id, `echo 'changed since' >${FILE}`);
      return FILE;
    });
    const restored = await steps.run('restore the snapshot', async (show) => {
      const { sandbox_id: id } = await snapshots.restore(snapshot.snapshot_id, { labels: LABELS }, { signal });
      const running = await sandboxes.waitUntilRunning(id, { signal, onProgress: ({ status }) => show(status) });
      return { ...running, toString: () => running.sandbox_id };
    });
    await steps.run('read the file in the restored one', async () => {
      const text = (await shell(restored.sandbox_id, `cat ${FILE}`)).trim();
      if (text !== TEXT)
        throw new CliError(`the restored sandbox has ${JSON.stringify(text)} in ${FILE} instead of ${JSON.stringify(TEXT)}`);
      return JSON.stringify(text);
    });
    await steps.run('the first one ran all along', async () => {
      const [pauseMs, ticks] = (await shell(sandbox.sandbox_id, LONGEST_PAUSE)).split(' ');
      return `${ticks} ticks 100 ms apart, longest pause ${pauseMs} ms`;
    });
    this.#tellWhatNext(sandbox.sandbox_id, snapshot);
  }

  /** Removes everything that this demo, or one before it that crashed, has made. */
  async remove(): Promise<void> {
    const signal = AbortSignal.timeout(REMOVE_MS);
    const { sandboxes, snapshots } = this.#sandglass;
    try {
      const removed: Promise<unknown>[] = [];
      for await (const { sandbox_id: id, status } of sandboxes.list({ label: LABELS }, { signal })) {
        if (status === 'terminated') continue;
        await sandboxes.delete(id, { signal });
        removed.push(sandboxes.waitUntil(id, 'terminated', { signal }));
      }
      for await (const { snapshot_id: id } of snapshots.list({ label: LABELS }, { signal })) {
        await snapshots.delete(id, { signal });
        removed.push(snapshots.waitUntilGone(id, { signal }));
      }
      await Promise.all(removed);
    } catch (error) {
      this.#cli.note(`the demo's sandboxes and snapshots could not be removed: ${(error as Error).message}`);
    }
  }

  async #executor() {
    const deadline = AbortSignal.any([this.#cli.signal, AbortSignal.timeout(READY_MS)]);
    for (;;) {
      const online = (await this.#sandglass.executors.list({ signal: deadline })).find(({ status }) => status === 'online');
      if (online !== undefined) return online;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #shell(sandboxId: string, shell: string): Promise<string> {
    const { exit_code, stdout, stderr } = await this.#sandglass.sandboxes.exec(sandboxId, { shell }, { signal: this.#cli.signal });
    if (exit_code !== 0) throw new CliError(`in the sandbox, \`${shell}\` ended with ${exit_code}: ${stderr.trim()}`);
    return stdout;
  }

  #tellWhatNext(sandboxId: string, { image_ref, snapshot_id }: Snapshot): void {
    const { bold, cyan, dim } = this.#colors;
    const lines = [
      '',
      `${bold('Sandglass is up.')}`,
      `  API        ${cyan(`${this.#url}/v1/namespaces/default`)}`,
      `  Reference  ${cyan(`${this.#url}/docs`)}`,
      '',
      dim('While it is, in another terminal:'),
      `  docker run --rm ${image_ref} cat ${FILE}`,
      `  npx sandglass snapshot get ${snapshot_id}`,
      `  npx sandglass sandbox exec ${sandboxId} -- tail -n 3 /tmp/ticks`,
      '',
      dim("Ctrl-C stops it and removes the demo's sandboxes and snapshot."),
    ];
    this.#cli.print(lines.join('\n'));
  }
}

function describe({ status, size_bytes, timings }: Snapshot): string {
  if (timings === undefined || size_bytes === undefined) return status;
  return `${status}: ${formatBytes(size_bytes)}, frozen for ${timings.freeze_ms} ms of ${timings.total_ms} ms`;
}
