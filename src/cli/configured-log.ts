import type { Logger } from '../lib/logger.ts';
import type { Config } from '../main/config.ts';
import type { Cli } from './cli.ts';

/** The configuration, and a log as it says, in which its warnings stand first. `quiet`: only warnings, unless it names a level. */
export async function configuredLog(
  cli: Cli,
  file: string | undefined,
  { quiet = false }: { quiet?: boolean } = {},
): Promise<{ config: Config; log: Logger }> {
  const [{ loadConfig }, { createLogger }] = await Promise.all([import('../main/config.ts'), import('../main/logger.ts')]);
  const config = loadConfig({ file, env: cli.env });
  const level = quiet && config.origin.sources.get('log.level') === 'default' ? 'warn' : config.log.level;
  const log = createLogger({ ...config.log, level, output: cli.stderr });
  for (const warning of config.origin.warnings) log.warn({}, warning);
  return { config, log };
}
