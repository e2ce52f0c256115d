/** What operators call BACKUP; `locateBackup` finds it. */
export const backupArgument = {
  type: 'string',
  demandOption: true,
  describe: "A backup id, or a database's name for its latest",
} as const;
