// Home, Connect, Playground and Requests, loaded together: pages of a kind share most of their code, and packed as one file they are a good deal
// smaller than as many. This file names them and does nothing else.

export { default as ConnectPage } from './connect/page.tsx'
export { default as HomePage } from './home/page.tsx'
export { default as PlaygroundPage } from './playground/page.tsx'
export { default as RequestPage } from './requests/one.tsx'
export { default as RequestsPage } from './requests/page.tsx'
