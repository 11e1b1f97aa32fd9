// What the tests use of the CapturingLogger that @nestjs/testing has since 12.1, for their run on Nest 11.
const { ConsoleLogger } = require('@nestjs/common');

const LEVELS = ['log', 'error', 'warn', 'debug', 'verbose', 'fatal'];

class CapturingLogger extends ConsoleLogger {
  entries = [];

  filter({ level, context } = {}) {
    return this.entries.filter(
      (entry) =>
        (level === undefined || entry.level === level) &&
        (context === undefined || entry.context === context),
    );
  }
}

for (const level of LEVELS) {
  CapturingLogger.prototype[level] = function (message, ...args) {
    // Nest's Logger gives its context last, and before it the stack of an error.
    const context = args.at(-1);
    const stack = args.length > 1 ? args[0] : undefined;
    this.entries.push({ level, message, context, stack, args: [message, ...args] });
  };
}

exports.CapturingLogger = CapturingLogger;
