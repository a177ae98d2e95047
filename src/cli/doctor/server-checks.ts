import type { Sandglass } from '../../../sdk/src/index.ts';
import type { Check, Finding } from './check.ts';

/** Whether the server answers, can serve, and has executors. */
export function serverChecks(sandglass: Sandglass): Check[] {
  return [
    { name: 'server', run: (signal) => checkServer(sandglass, signal) },
    { name: 'ready', needs: 'server', run: (signal) => checkReady(sandglass, signal) },
    { name: 'executors', needs: 'server', run: (signal) => checkExecutors(sandglass, signal) },
  ];
}

async function checkServer(sandglass: Sandglass, signal: AbortSignal): Promise<Finding> {
  await sandglass.health({ signal });
  const { version } = await sandglass.version({ signal });
  return { status: 'ok', detail: `${sandglass.url}, version ${version}` };
}

async function checkReady(sandglass: Sandglass, signal: AbortSignal): Promise<Finding> {
  const { ready, reasons } = await sandglass.ready({ signal });
  if (ready) return { status: 'ok', detail: 'the server can serve' };
  return {
    status: 'fail',
    detail: `not ready: ${reasons.join('; ')}`,
    fix: 'wait a moment; if it stays so, see the log of the server',
  };
}

async function checkExecutors(sandglass: Sandglass, signal: AbortSignal): Promise<Finding> {
  const executors = await sandglass.executors.list({ signal });
  const online = executors.filter(({ status }) => status === 'online');
  const usable = online.filter(({ cordoned }) => !cordoned);
  const detail = `${online.length} of ${executors.length} online, ${usable.length} take new sandboxes`;
  if (usable.length === 0) {
    return {
      status: 'fail',
      detail,
      fix: 'start one with `sandglass executor`, or let one take sandboxes again with `sandglass executor uncordon`',
    };
  }
  if (online.length < executors.length) return { status: 'warn', detail, fix: 'see `sandglass executor ls`' };
  return { status: 'ok', detail };
}
