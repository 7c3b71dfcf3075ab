// Express with a full drain: readiness goes down and everything is still served until routing has
// noticed, answers ask their clients to leave, requests in flight end, and what hangs has a limit.
const express = require('express')

const SETTLE = 1500
const LIMIT = 3000

const app = express()
let leaving = false
let closing = false
let inFlight = 0

app.get('/ready', (request, response) => {
  response.sendStatus(leaving ? 503 : 200)
})
app.get('/live', (request, response) => {
  response.sendStatus(200)
})
app.use((request, response, next) => {
  inFlight += 1
  if (leaving) response.set('Connection', 'close')
  response.on('close', () => {
    inFlight -= 1
    leaveWhenDone()
  })
  next()
})
app.get('/', (request, response) => {
  setTimeout(() => response.send('hello'), 100)
})
app.get('/slow', (request, response) => {
  setTimeout(() => response.send('at last'), 1000)
})

const server = app.listen(Number(process.argv[2]), '127.0.0.1')

// Node waits for connections on which nothing was ever sent, too.
function leaveWhenDone() {
  if (closing && inFlight === 0) server.closeAllConnections()
}

process.on('SIGTERM', () => {
  leaving = true
  setTimeout(() => {
    closing = true
    server.close(() => process.exit())
    leaveWhenDone()
    setTimeout(() => {
      process.exitCode = 1
      server.closeAllConnections()
    }, LIMIT)
  }, SETTLE)
})
