import ui from '@nuxt/ui/vue-plugin'
import { VueQueryPlugin } from '@tanstack/vue-query'
import { createApp } from 'vue'
import { queryClient } from './api/cache'
import App from './App.vue'
import { router } from './router'
import './style.css'

createApp(App).use(router).use(VueQueryPlugin, { queryClient }).use(ui).mount('#app')
