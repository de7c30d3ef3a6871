import * as fc from "fast-check";

/** Each mutant is tried on hundreds of tests, so a property has a moment only; and always the same inputs, so that chance does not decide a mutant's fate. */
fc.configureGlobal({ interruptAfterTimeLimit: 100, seed: 1 });
