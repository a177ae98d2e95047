#!/usr/bin/env node
// Runs the CLI on a Node that understands it. This file itself runs on Node 20, with nothing else.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MIN_NODE = 24;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
// A checkout runs its sources, also when it has been built; the published package holds compiled code only.
const source = join(root, 'src/cli/main.ts');
const main = existsSync(source) ? source : join(root, 'dist/src/cli/main.js');

if (Number.parseInt(process.versions.node, 10) >= MIN_NODE) {
  process.argv[1] = main;
  const { run } = await import(main);
  await run();
} else {
  runUnder(pinnedNode());
}

/** The Node that the package brings along, wherever npm has put it. */
function pinnedNode() {
  const name = `node-${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin/node');
  } catch {
    process.stderr.write(
      `error: sandglass needs Node ${MIN_NODE}, this is ${process.versions.node}, and the package ${name} is not installed\n` +
        `hint: run \`npm ci\` in ${root}, or use Node ${MIN_NODE}\n`,
    );
    process.exit(1);
  }
}

/** Runs the CLI under `node`, and ends as it ends. */
function runUnder(node) {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both processes already; forwarded as well, it would count as two.
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  process.on('SIGINT', () => onTerminal || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`error: cannot run ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
