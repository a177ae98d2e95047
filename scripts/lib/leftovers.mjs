import { callEngine } from './engine-api.mjs';

/** What tests put on everything that they make in an engine. */
export const TEST_LABEL = 'dev.sandglass.test';

/**
 * Removes what tests have left in the engine: containers, then images, networks and volumes, each with the test label and
 * no other. What can't be removed is left.
 * @param {import('./engine-api.mjs').EngineAddress} engine
 * @returns {Promise<number>} how many were removed
 */
export async function removeTestLeftovers(engine) {
  const filters = encodeURIComponent(JSON.stringify({ label: [TEST_LABEL] }));
  /**
   * @param {string} path
   * @returns {Promise<{ Id: string }[]>}
   */
  const list = async (path) => (await callEngine(engine, 'GET', path)) ?? [];
  const containers = (await list(`/containers/json?all=1&filters=${filters}`)).map(({ Id }) => `/containers/${Id}?force=1&v=1`);
  let removed = await removeAll(engine, containers);
  const images = (await list(`/images/json?all=1&filters=${filters}`)).map(({ Id }) => `/images/${Id}?force=1`);
  const networks = (await list(`/networks?filters=${filters}`)).map(({ Id }) => `/networks/${Id}`);
  /** @type {{ Volumes: { Name: string }[] | null }} */
  const { Volumes } = await callEngine(engine, 'GET', `/volumes?filters=${filters}`);
  const volumes = (Volumes ?? []).map(({ Name }) => `/volumes/${Name}?force=1`);
  removed += await removeAll(engine, [...images, ...networks, ...volumes]);
  return removed;
}

/**
 * @param {import('./engine-api.mjs').EngineAddress} engine
 * @param {readonly string[]} paths
 */
async function removeAll(engine, paths) {
  let removed = 0;
  for (const path of paths) {
    // An image may have gone with one that was made from it.
    const gone = await callEngine(engine, 'DELETE', path).then(
      () => true,
      () => false,
    );
    if (gone) removed++;
  }
  return removed;
}
