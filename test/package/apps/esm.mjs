import 'reflect-metadata';
import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import * as websockex from 'nestjs-websockex';
import * as rxjs from 'rxjs';
import * as ws from 'ws';
import { echo } from './echo.cjs';

await echo({ common, core, rxjs, ws, websockex });
