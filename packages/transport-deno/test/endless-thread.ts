/** A program of `thread.entry` that never reports that it runs, and never ends. */
for (;;);
