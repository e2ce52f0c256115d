import type { Problem } from '../problem.ts';
import { asSentence, escapeHtml, page } from './page.ts';

/** Why somebody does not see what was asked for. */
export function problemPage({ title, detail, hint }: Problem): string {
  const advice = hint === null ? '' : `<p class="soft">${escapeHtml(hint)}</p>\n`;
  return page({
    title: escapeHtml(title),
    body: `<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(asSentence(detail))}</p>
${advice}<p><a href="/">Start page</a></p>`,
  });
}
