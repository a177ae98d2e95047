import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { type Check, type NamedFinding, runCheck } from '../doctor/check.ts';
import { EXIT } from '../exit-codes.ts';
import { failureOf } from '../failure.ts';
import { printable } from '../format/printable.ts';
import { colorsOf, formatStatus } from '../format/status.ts';
import { type GlobalOptions, openSession } from '../session.ts';

export function addDoctor(parent: Command, cli: Cli): void {
  const command = parent
    .command('doctor')
    .description('Check this machine and the server, and say what to do about what is wrong. Ends with 1 when something is.');
  command.action(async () => {
    const { json = false, config: file } = command.optsWithGlobals<GlobalOptions>();
    const { sandglass } = await openSession(cli, command);
    const [{ machineChecks }, { serverChecks }, { loadConfig }] = await Promise.all([
      import('../doctor/machine-checks.ts'),
      import('../doctor/server-checks.ts'),
      import('../../main/config.ts'),
    ]);
    const config = loadConfig({ file, env: cli.env });
    const findings = await runChecks(cli, [...machineChecks(cli, config), ...serverChecks(sandglass)], json);
    if (json) cli.printJson(findings);
    if (findings.some(({ status }) => status === 'fail')) cli.exitCode = EXIT.failure;
  });
}

/** Each finding is printed as soon as it is known: some checks take seconds. */
async function runChecks(cli: Cli, checks: readonly Check[], json: boolean): Promise<NamedFinding[]> {
  const colors = colorsOf(cli);
  const width = Math.max(...checks.map(({ name }) => name.length));
  const findings: NamedFinding[] = [];
  for (const check of checks) {
    if (findings.some(({ name, status }) => name === check.needs && status === 'fail')) continue;
    const finding = await runCheck(check, failureOf, cli.signal);
    findings.push(finding);
    if (json) continue;
    const { name, status, detail, fix } = finding;
    cli.print(`${formatStatus(colors, status)}${' '.repeat(6 - status.length)}${name.padEnd(width)}  ${printable(detail)}`);
    if (fix !== undefined) cli.print(`${' '.repeat(width + 8)}→ ${printable(fix)}`);
  }
  return findings;
}
