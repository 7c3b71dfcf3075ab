module.exports = { apps: [{ name: "shop", script: "./shop", kill_timeout: 8 * 1000 }] };
