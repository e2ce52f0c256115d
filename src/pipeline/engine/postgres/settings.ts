import pg from 'pg';

/** Settings whose stored value is a list of names, each quoted for itself. */
const lists = new Set([
  ...['local_preload_libraries', 'search_path', 'session_preload_libraries', 'shared_preload_libraries'],
  ...['temp_tablespaces', 'unix_socket_directories'],
]);

/** `ALTER DATABASE … SET …` for an entry of the server's own `name=value` list. `database` is an SQL identifier, quoted. */
export function settingStatement(database: string, setting: string): string {
  const [name = '', value = ''] = splitOnce(setting, '=');
  const values = lists.has(name.toLowerCase()) ? splitList(value) : [value];
  const literals = values.map((each) => pg.escapeLiteral(each)).join(', ');
  return `ALTER DATABASE ${database} SET ${settingName(name)} TO ${literals}`;
}

/** `"$user", public` as its names; an empty list is one empty name. */
function splitList(value: string): string[] {
  const names = value.match(/"(?:[^"]|"")*"|[^\s,"]+/g) ?? [''];
  return names.map((name) => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name));
}

/** A setting of an extension has a dot between two identifiers. */
function settingName(name: string): string {
  return name
    .split('.')
    .map((part) => pg.escapeIdentifier(part))
    .join('.');
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
