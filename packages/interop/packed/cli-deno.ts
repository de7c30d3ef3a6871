/** On Deno, in a project of its own. */
import "@memberlist/cli/deno";
