import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { renderFields } from '../format/table.ts';
import type { GlobalOptions } from '../session.ts';

export function addKey(parent: Command, cli: Cli): void {
  const key = parent.command('key').description('API keys and join tokens. The server keeps hashes only.');
  const generate = key
    .command('generate')
    .summary('make a key and its hash')
    .description('Make a key and its hash. The key is shown this once; the hash goes into the configuration, as an API key or join token.');
  generate.action(async () => {
    const { generateApiKey, hashApiKey } = await import('../../main/api-keys.ts');
    const made = generateApiKey();
    const hash = hashApiKey(made);
    if (generate.optsWithGlobals<GlobalOptions>().json) {
      cli.printJson({ key: made, hash });
      return;
    }
    cli.print(renderFields([['Key', made], ['Hash', hash]])); // biome-ignore format: one pair a line is no gain
    cli.note('\nAs an API key: server.api_keys: [{name: …, hash: "sha256:…", admin: true}], and SANDGLASS_API_KEY for the client.');
    cli.note('As a join token: server.join_token_hash on the server, executor.join_token on the executor.');
  });
}
