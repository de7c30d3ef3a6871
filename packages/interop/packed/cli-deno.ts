/** The command line on Deno, installed in a project. */
import "@memberlist/cli/deno";
