import { type Document, type ErrorCode, LineCounter, parseDocument } from 'yaml';

/** A YAML text that was read without an error, or what is wrong with it and where (an offset in characters). */
export interface ParsedText {
  document: Document;
  lines: LineCounter;
  faults: readonly { offset: number; message: string }[];
}

/** Written instead of the braces of `${…}`: one character for one, so that every position stays as it was. */
const openBrace = '\uE000';
const closeBrace = '\uE001';

/**
 * Parses one YAML 1.2 document. `${…}` is text wherever it stands, also within `{ }`, where YAML itself would see
 * another mapping. Keys are always strings. Whether a key is there twice is left to the caller: the parser's own
 * check takes minutes for a file of many keys.
 */
export function parseText(text: string): ParsedText {
  const lines = new LineCounter();
  const document = parseDocument(hideBraces(text), {
    lineCounter: lines,
    schema: 'core',
    resolveKnownTags: false,
    stringKeys: true,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'error',
  });
  return { document, lines, faults: faultsOf(document, lines) };
}

/** A string of the document as it was written. */
export function restoreBraces(text: string): string {
  return text.replaceAll(openBrace, '{').replaceAll(closeBrace, '}');
}

function hideBraces(text: string): string {
  return text.replaceAll(/\$\{([^{}\r\n]*)\}/g, `$$${openBrace}$1${closeBrace}`);
}

/** One per line: what follows the first on a line is only its echo. */
function faultsOf(document: Document, lines: LineCounter): ParsedText['faults'] {
  const all = [...document.errors, ...document.warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  const byLine = new Map<number, { offset: number; message: string }>();
  for (const { code, pos } of all) {
    const { line } = lines.linePos(pos[0]);
    if (!byLine.has(line)) byLine.set(line, { offset: pos[0], message: describe(code) });
  }
  return [...byLine.values()];
}

/** The parser's own messages quote the file, and with it a password. */
function describe(code: ErrorCode): string {
  return messages[code] ?? 'not valid YAML here';
}

const messages: Partial<Record<ErrorCode, string>> = {
  TAB_AS_INDENT: 'a tab cannot indent; use spaces',
  BAD_INDENT: 'the indentation does not fit, or a closing bracket is missing',
  BAD_ALIAS: 'not a valid alias',
  BAD_DIRECTIVE: 'a line that starts with "%" is not supported',
  BAD_DQ_ESCAPE:
    'an unknown escape in a double-quoted text; use single quotes, or write \\\\ for a backslash',
  BAD_SCALAR_START: 'a text that starts with this character needs quotes',
  BLOCK_AS_IMPLICIT_KEY: 'two keys on one line; start a new line, or quote a text that has ": " in it',
  MISSING_CHAR: 'a character is missing, such as the ":" after a key or a closing quote',
  MULTIPLE_DOCS: 'a second document; the file may hold only one',
  MULTILINE_IMPLICIT_KEY: 'a key that goes over several lines; is the ":" after it missing?',
  NON_STRING_KEY: 'a key must be plain text',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAG_RESOLVE_FAILED: 'tags that start with "!" are not supported',
};
