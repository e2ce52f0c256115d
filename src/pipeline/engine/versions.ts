/** Whether a version may know less than another, by the first two numbers: what follows are corrections. */
export function isOlder(version: string, than: string): boolean {
  const [[major = 0, minor = 0], [otherMajor = 0, otherMinor = 0]] = [numbers(version), numbers(than)];
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

function numbers(version: string): number[] {
  return version.split('.').map(Number);
}
