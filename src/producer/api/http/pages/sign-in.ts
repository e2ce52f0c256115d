import { escapeHtml, page } from './page.ts';

/** Where a token is turned into a session. `refusal` says in one sentence why the last one was not taken. */
export function signInPage({ next, refusal }: { next: string; refusal: string | null }): string {
  const why = refusal === null ? '' : `<p class="bad" role="alert" id="refusal">${escapeHtml(refusal)}</p>\n`;
  const described = refusal === null ? '' : ' aria-describedby="refusal" aria-invalid="true"';
  return page({
    title: 'Sign in',
    script: '/assets/sign-in.js',
    body: `<h1>Sign in</h1>
<p class="soft">With a token of this installation. <code>backupdata token create</code> makes one.</p>
${why}<form method="post" action="/sign-in">
<input type="hidden" name="next" value="${escapeHtml(next)}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus spellcheck="false"${described}>
<button type="submit">Sign in</button>
</form>`,
  });
}
