/** How values are printed in the table. */
export const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`;
export const milliseconds = (value: number): string => `${value.toFixed(1)} ms`;
export const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
export const storedSize = (bytes: number): string =>
  bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
