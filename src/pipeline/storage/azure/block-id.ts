/**
 * The id of a block: no two puts share one, so that two writers of a key cannot mix their bytes, and it tells when it
 * was sent, which the store does not. Azure demands that all ids of a blob are of one length.
 */
export function blockId(options: { at: Date; random: string; index: number }): string {
  const time = String(options.at.getTime()).padStart(15, '0');
  const index = String(options.index).padStart(5, '0');
  return Buffer.from(`bkd-${time}-${options.random}-${index}`).toString('base64');
}

/** When a block was sent, and by which put; undefined for an id that is not of our pattern. */
export function readBlockId(id: string): { at: Date; random: string } | undefined {
  const match = /^bkd-(\d{15})-([a-z0-9]+)-\d{5}$/.exec(Buffer.from(id, 'base64').toString('latin1'));
  const [, time, random] = match ?? [];
  return time === undefined || random === undefined ? undefined : { at: new Date(Number(time)), random };
}
