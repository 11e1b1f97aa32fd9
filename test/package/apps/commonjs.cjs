'use strict';
require('reflect-metadata');
const { echo } = require('./echo.cjs');

void echo({
  common: require('@nestjs/common'),
  core: require('@nestjs/core'),
  rxjs: require('rxjs'),
  ws: require('ws'),
  websockex: require('nestjs-websockex'),
});
