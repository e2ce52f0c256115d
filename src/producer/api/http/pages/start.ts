import type { Principal } from '../../../identity/access.ts';
import { escapeHtml, page } from './page.ts';

/** What somebody who signed in sees first. */
export function startPage({
  principal: { name, role, databases },
  installation,
}: {
  principal: Principal;
  installation: string;
}): string {
  const limited = databases === null ? '' : `, for ${databases.map(escapeHtml).join(', ')}`;
  const board = databases === null ? '<li><a href="/queues/">Queues and jobs</a> (Bull Board)</li>\n' : '';
  return page({
    title: 'Start',
    body: `<h1>Installation ${escapeHtml(installation)}</h1>
<p>Signed in as <strong>${escapeHtml(name)}</strong> <span class="soft">(${role}${limited})</span>.</p>
<ul>
${board}<li><a href="/api/v1/openapi.json">The API</a>, as an OpenAPI document</li>
<li><a href="/api/v1/backups">Backups</a>, <a href="/api/v1/schedules">schedules</a> and <a href="/api/v1/jobs">jobs</a>, as JSON</li>
</ul>
<form method="post" action="/sign-out"><button class="quiet" type="submit">Sign out</button></form>`,
  });
}
