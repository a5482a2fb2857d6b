import { nextTick } from 'vue'
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'
import { loadMe } from './account/session'

declare module 'vue-router' {
  interface RouteMeta {
    title: string
    isOpen?: boolean
  }
}

const routes: RouteRecordRaw[] = [
  { path: '/sign-in', component: () => import('./account/SignInPage.vue'), meta: { title: 'Sign in', isOpen: true } },
  { path: '/first-run', component: () => import('./account/FirstRunPage.vue'), meta: { title: 'Set up', isOpen: true } },
  {
    path: '/',
    component: () => import('./shell/ShellLayout.vue'),
    children: [
      { path: '', redirect: '/leads' },
      { path: 'leads', component: () => import('./leads/LeadsPage.vue'), meta: { title: 'Leads' } },
      { path: 'leads/:id', component: () => import('./leads/LeadPage.vue'), meta: { title: 'Lead' } },
      {
        path: 'ledger',
        component: () => import('./ledger/LedgerPage.vue'),
        children: [
          { path: '', component: () => import('./ledger/BalancePanel.vue'), meta: { title: 'Ledger' } },
          { path: 'paths', component: () => import('./ledger/PathsPanel.vue'), meta: { title: 'Ways in' } },
          { path: 'receipts', component: () => import('./ledger/ReceiptsPanel.vue'), meta: { title: 'Receipts' } },
        ],
      },
      { path: 'forms', component: () => import('./forms/FormsPage.vue'), meta: { title: 'Forms' } },
      { path: 'forms/master', component: () => import('./masterForm/MasterFormPage.vue'), meta: { title: 'Master form' } },
      { path: 'forms/:id', component: () => import('./forms/FormBuilderPage.vue'), meta: { title: 'Form builder' } },
      {
        path: 'integration',
        component: () => import('./integration/IntegrationPage.vue'),
        meta: { title: 'Platform integration' },
      },
      {
        path: 'integration/connections/:id',
        component: () => import('./mapping/ConnectionFormsPage.vue'),
        meta: { title: 'Lead sources' },
      },
      { path: 'integration/forms/:id', component: () => import('./mapping/MappingPage.vue'), meta: { title: 'Mapping' } },
    ],
  },
  { path: '/:rest(.*)*', component: () => import('./shell/MissingPage.vue'), meta: { title: 'Not found', isOpen: true } },
]

export const router = createRouter({ history: createWebHistory('/'), routes })

router.beforeEach(async (to) => {
  if (to.meta.isOpen) return true
  const me = await loadMe()
  return me === null ? { path: '/sign-in', query: to.path === '/' ? {} : { next: to.fullPath } } : true
})

router.afterEach(async (to, from) => {
  document.title = `${to.meta.title} - Leadhub`
  if (to.path === from.path || from.matched.length === 0) return
  await nextTick()
  document.querySelector<HTMLElement>('h1')?.focus()
})
