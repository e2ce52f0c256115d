import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Where the pages that tests saw are kept. Git ignores it. */
const artifacts = join(import.meta.dirname, '..', '..', 'test-artifacts');

/** A page of a browser that nobody is signed in with, and what went wrong in it. */
export interface Visit {
  page: Page;
  /** Errors of scripts, refused resources and requests to anybody else than the server. */
  complaints: string[];
  /** Keeps what the page looks like now. */
  keep(name: string): Promise<void>;
}

/** Debian's Chromium, without a window. */
export async function withBrowser(
  use: (visit: (options?: BrowserContextOptions) => Promise<Visit>) => Promise<void>,
): Promise<void> {
  await mkdir(artifacts, { recursive: true });
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    // Root has no sandbox; what is visited is our own.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  try {
    await use((options = {}) => visitWith(browser, options));
  } finally {
    await browser.close();
  }
}

async function visitWith(browser: Browser, options: BrowserContextOptions): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && hostname !== '127.0.0.1') complaints.push(`asked ${hostname}`);
  });
  return {
    page,
    complaints,
    keep: async (name) => {
      const path = join(artifacts, `${name}.png`);
      await page.screenshot({ path, fullPage: true, animations: 'disabled' });
    },
  };
}
