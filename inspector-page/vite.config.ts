import { defineConfig } from 'vite';

export default defineConfig({
  // The server may stand below any path: each URL is relative to the page's.
  base: './',
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/inspector/page',
    emptyOutDir: true,
    // A data: URL would break the Content-Security-Policy, and there is but one chunk to load.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
});
