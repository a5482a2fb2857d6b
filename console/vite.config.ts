import ui from '@nuxt/ui/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

const hub = 'http://127.0.0.1:8000'

export default defineConfig({
  base: '/console/',
  plugins: [
    vue(),
    ui({
      components: { dts: 'generated/components.d.ts' },
      autoImport: { dts: 'generated/auto-imports.d.ts' },
      ui: {
        colors: { primary: 'teal', neutral: 'slate', success: 'emerald', warning: 'amber', error: 'red', info: 'sky' },
        // Switched off it must be seen as well: 3 to 1 against the page.
        switch: { slots: { base: 'data-[state=unchecked]:bg-neutral-500' } },
      },
      // Icons travel inside the bundle; otherwise the browser would ask a public address for them.
      icon: { clientBundle: { scan: { globInclude: ['src/**/*.{vue,ts}'] } } },
      experimental: { componentDetection: true },
    }),
  ],
  build: {
    outDir: '../hub/web/static/console',
    emptyOutDir: true,
    assetsDir: 'assets',
    manifest: 'manifest.json',
    license: { fileName: 'licenses.md' },
    chunkSizeWarningLimit: 900,
  },
  // For work on the console only: pages from here, the API from a running hub.
  server: { proxy: { '/api': hub, '/oauth': hub } },
})
