package main

const usage = `PLACEHOLDER`
