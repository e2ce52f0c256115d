/** At most three of `names` that someone who typed `name` may have meant: another schema's, or a few letters away; best first. */
export function similarNames(name: string, names: readonly string[]): readonly string[] {
  const wanted = name.toLowerCase();
  const allowed = Math.max(2, Math.floor(name.length / 4));
  const rated = names.map((each) => ({ each, distance: distanceTo(wanted, each.toLowerCase()) }));
  return rated
    .filter(({ distance }) => distance <= allowed)
    .sort((one, other) => one.distance - other.distance)
    .slice(0, 3)
    .map(({ each }) => each);
}

/** 1 for the same table of another schema, or of none. */
function distanceTo(wanted: string, name: string): number {
  const table = (text: string): string => text.slice(text.indexOf('.') + 1);
  return table(wanted) === table(name) ? Math.min(1, editDistance(wanted, name)) : editDistance(wanted, name);
}

/** Levenshtein's: letters to insert, remove or replace. */
function editDistance(one: string, other: string): number {
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...one].entries()) {
    const current = [row + 1];
    for (let column = 0; column < other.length; column++) {
      const replaced = (previous[column] ?? 0) + (letter === other[column] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[other.length] ?? 0;
}
