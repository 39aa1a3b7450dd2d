#!/usr/bin/env node
import { enableCompileCache } from 'node:module'

// keeps what the compiler made of our sources and of libp2p's from run to run: the next start takes half the time
enableCompileCache()
await import('./program.ts')
