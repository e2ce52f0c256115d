import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Panel {
  title?: string;
  targets?: { expr?: string }[];
  panels?: Panel[];
}

/** Every query of the dashboard for Grafana, with its variables as they are when all is chosen. */
export async function dashboardQueries(): Promise<{ panel: string; expr: string }[]> {
  const path = join(import.meta.dirname, '..', '..', 'monitoring', 'grafana-dashboard.json');
  const { panels } = JSON.parse(await readFile(path, 'utf8')) as { panels: Panel[] };
  return panels.flatMap(queriesOf);
}

function queriesOf({ title = '', targets = [], panels = [] }: Panel): { panel: string; expr: string }[] {
  const own = targets.map(({ expr = '' }) => ({ panel: title, expr: withVariables(expr) }));
  return [...own, ...panels.flatMap(queriesOf)];
}

function withVariables(expr: string): string {
  const filled = expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$__range', '10m')
    .replaceAll(/\$(job|database)\b/g, '.*');
  if (filled.includes('$')) throw new Error(`a variable of ${expr} is not known`);
  return filled;
}
