/** A table of a Markdown document: rows of cells, without the line below the header. */
interface MarkdownTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The tables of a document, in its order. */
function tablesOf(markdown: string): MarkdownTable[] {
  const blocks = outsideFences(markdown).match(/(?:^\|.*\n?)+/gm) ?? [];
  return blocks.map((block) => {
    const [header = [], , ...rows] = block.trim().split('\n').map(cellsOf);
    return { header, rows };
  });
}

/** The table whose header begins with these words. @throws when there is none. */
export function tableOf(markdown: string, ...header: readonly string[]): MarkdownTable {
  const found = tablesOf(markdown).find((table) => header.every((word, n) => table.header[n] === word));
  if (found === undefined) throw new Error(`no table has the header ${header.join(' | ')}`);
  return found;
}

/** What stands between single backticks, outside code blocks. */
export function codeSpansOf(markdown: string): string[] {
  return Array.from(outsideFences(markdown).matchAll(/`([^`\n]+)`/g), ([, code = '']) => code);
}

/** Where the document's relative links lead, without anchors. */
export function relativeLinksOf(markdown: string): string[] {
  const targets = Array.from(outsideFences(markdown).matchAll(/\]\(([^)\s]+)\)/g), ([, target = '']) => target);
  return targets.filter((target) => !/^(?:[a-z]+:|#)/.test(target)).map((target) => target.replace(/#.*$/, ''));
}

function outsideFences(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```/gm, '');
}

function cellsOf(line: string): string[] {
  return line
    .trim()
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => cell.trim());
}
