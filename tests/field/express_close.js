// As Express' own page on health checks and graceful shutdown has it: SIGTERM closes the server.
const express = require('express')

const app = express()
app.get('/', (request, response) => {
  setTimeout(() => response.send('hello'), 100)
})

const server = app.listen(Number(process.argv[2]), '127.0.0.1')

process.on('SIGTERM', () => {
  console.log('SIGTERM signal received: closing HTTP server')
  server.close(() => {
    console.log('HTTP server closed')
  })
})
