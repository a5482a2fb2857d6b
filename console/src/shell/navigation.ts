export interface NavigationEntry {
  label: string
  icon: string
  to: string
  needs: [resource: string, action: string]
}

/** The entries of the panel, in the order of Z-002; each is here once its page exists. */
export const ENTRIES: NavigationEntry[] = [
  { label: 'All leads', icon: 'i-lucide-users', to: '/leads', needs: ['leads', 'view'] },
  { label: 'Ledger', icon: 'i-lucide-scale', to: '/ledger', needs: ['receipts', 'view'] },
  { label: 'Forms', icon: 'i-lucide-clipboard-list', to: '/forms', needs: ['forms', 'view'] },
  { label: 'Platform integration', icon: 'i-lucide-plug', to: '/integration', needs: ['connections', 'view'] },
]
