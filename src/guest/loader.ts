/**
 * What a sandbox's Node starts with: runs the guest's program, which lies beside it, with the code that V8 made of it when the
 * bundle was made. That takes 20 ms off each start. Without that code, or with another V8's, the program is compiled as usual.
 *
 *     main.mjs ARGUMENTS…               runs the program
 *     main.mjs --write-cache PATH …     runs it for a moment, and writes the code that it took to PATH
 *
 * Nothing is imported by name here: see `http.ts`.
 */
const fs = process.getBuiltinModule('node:fs');
const vm = process.getBuiltinModule('node:vm');
const nodeModule = process.getBuiltinModule('node:module');

const MOMENT_MS = 300;
const [option, cachePath] = process.argv.slice(2);
const writesCache = option === '--write-cache' && cachePath !== undefined;
if (writesCache) process.argv.splice(2, 2);

const beside = (name: string) => new URL(name, import.meta.url);
const script = new vm.Script(fs.readFileSync(beside('program.cjs'), 'utf8'), {
  filename: 'program.cjs',
  ...(fs.existsSync(beside('program.cache')) ? { cachedData: fs.readFileSync(beside('program.cache')) } : {}),
});
script.runInThisContext()(nodeModule.createRequire(import.meta.url), import.meta.url);

if (writesCache) {
  setTimeout(() => {
    fs.writeFileSync(cachePath, script.createCachedData());
    process.exit();
  }, MOMENT_MS);
}
