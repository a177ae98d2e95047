/** Between two signs of life of a step that takes long, where the output is no terminal. */
const QUIET_MS = 15_000;
const TICK_MS = 250;

/**
 * Runs the steps of a command one after another and shows how far it is: on a terminal one line that counts the seconds,
 * elsewhere a line when a step is done, and one now and then while it takes long.
 * @param {{ write(text: string): unknown, isTTY?: boolean, columns?: number }} output
 * @param {() => number} [now] milliseconds
 */
export function createSteps(output, now = () => performance.now()) {
  const live = output.isTTY === true;

  /**
   * @template T
   * @param {string} title
   * @param {(detail: (text: string) => void) => Promise<T>} task tells with `detail` what it is at
   * @returns {Promise<T>}
   */
  return async function step(title, task) {
    const startedAt = now();
    const seconds = () => `${((now() - startedAt) / 1000).toFixed(1)} s`;
    let doing = '';
    let shownAt = startedAt;
    const show = () => {
      if (live) output.write(`\r\u001b[2K${clip(`… ${title}  ${seconds()}  ${doing}`, (output.columns ?? 80) - 1)}`);
      else if (now() - shownAt >= QUIET_MS) {
        output.write(`… ${title}  ${seconds()}${doing && `  ${doing}`}\n`);
        shownAt = now();
      }
    };
    show();
    const timer = setInterval(show, TICK_MS);
    /** @param {string} mark */
    const finish = (mark) => {
      clearInterval(timer);
      output.write(`${live ? '\r\u001b[2K' : ''}${mark} ${title}  ${seconds()}\n`);
    };
    try {
      const result = await task((text) => {
        doing = text;
      });
      finish('✓');
      return result;
    } catch (error) {
      finish('✗');
      throw error;
    }
  };
}

/**
 * @param {string} text
 * @param {number} width
 */
function clip(text, width) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach the terminal
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
  return plain.length > width ? `${plain.slice(0, width - 1)}…` : plain;
}
