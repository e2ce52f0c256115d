import type { Response } from 'express';

/** A page of ours: plain HTML, its style and its script files of this server. Every value in `body` must be escaped already. */
export function page({ title, body, script }: { title: string; body: string; script?: string }): string {
  const scriptTag = script === undefined ? '' : `\n<script src="${script}" defer></script>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · BackUpData</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/style.css">${scriptTag}
</head>
<body>
<main>
<p class="brand"><img src="/assets/icon.svg" alt="" width="28" height="28">BackUpData</p>
${body}
</main>
</body>
</html>
`;
}

/** For text between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** What an error says, which begins small and ends without a stop. */
export function asSentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** Pages tell who is signed in, so nothing keeps them. */
export function sendPage(response: Response, html: string): void {
  response.set('Cache-Control', 'no-store').type('html').send(html);
}
