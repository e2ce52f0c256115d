/** Files of the pages, by their path: the type, and what they hold. */
export const assets: Readonly<Record<string, { type: string; text: string }>> = {
  '/assets/style.css': {
    type: 'text/css',
    text: `:root {
  color-scheme: light dark;
  --back: #f5f6f8;
  --card: #ffffff;
  --text: #1b2430;
  --soft: #5a6675;
  --line: #d6dbe2;
  --accent: #0f6e84;
  --accent-text: #ffffff;
  --bad: #a3262a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #11161c;
    --card: #1a212a;
    --text: #e6ebf1;
    --soft: #9aa7b6;
    --line: #313b48;
    --accent: #4fb3c8;
    --accent-text: #08222a;
    --bad: #ff8d86;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0;
  min-height: 100vh;
  display: grid;
  place-items: center;
  padding: 1.5rem;
  background: var(--back);
  color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif;
}
main {
  width: 100%;
  max-width: 26rem;
  padding: 2rem;
  background: var(--card);
  border: 1px solid var(--line);
  border-radius: 0.75rem;
}
h1 { margin: 0 0 0.5rem; font-size: 1.4rem; line-height: 1.25; }
p { margin: 0 0 1rem; }
.brand {
  display: flex;
  gap: 0.6rem;
  align-items: center;
  margin: 0 0 1.5rem;
  font-weight: 600;
  letter-spacing: 0.01em;
}
.soft { color: var(--soft); }
.bad { color: var(--bad); }
label { display: block; margin-bottom: 0.35rem; font-weight: 600; }
input {
  width: 100%;
  padding: 0.6rem 0.75rem;
  border: 1px solid var(--line);
  border-radius: 0.5rem;
  background: var(--back);
  color: inherit;
  font: inherit;
}
button {
  margin-top: 1rem;
  padding: 0.6rem 1.1rem;
  border: 0;
  border-radius: 0.5rem;
  background: var(--accent);
  color: var(--accent-text);
  font: inherit;
  font-weight: 600;
  cursor: pointer;
}
button.quiet { background: none; border: 1px solid var(--line); color: inherit; font-weight: 400; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
code { padding: 0.1rem 0.3rem; border-radius: 0.25rem; background: var(--back); font-size: 0.9em; }
ul { margin: 0 0 1rem; padding-left: 1.2rem; }
a { color: var(--accent); }
`,
  },
  '/assets/sign-in.js': {
    type: 'text/javascript',
    text: `// The link that was printed at the first start holds the token behind "#", which no server and no log ever sees.
const token = decodeURIComponent(location.hash.slice(1));
if (token !== '') {
  history.replaceState(null, '', location.pathname + location.search);
  document.querySelector('input[name=token]').value = token;
  document.querySelector('form').submit();
}
`,
  },
  '/assets/icon.svg': {
    type: 'image/svg+xml',
    text: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0f6e84"/><g fill="none" stroke="#fff" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"><ellipse cx="16" cy="10" rx="8" ry="3.2"/><path d="M8 10v12c0 1.8 3.6 3.2 8 3.2s8-1.400 8-3.2V10M8 16c0 1.800 3.600 3.200 8 3.200s8-1.400 8-3.200"/></g></svg>
`,
  },
};
