import { Argument, type Command } from "commander";
import type { Io } from "../terminal/io.ts";

/** The words that can follow a command: subcommands and options. */
interface Completion {
  /** For example "keys rotate"; "" for the program. */
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly description: string }[];
  /** The values of options that have choices. */
  readonly values: readonly { readonly option: string; readonly choices: readonly string[] }[];
}

export function defineCompletions(root: Command, io: Io): void {
  root
    .command("completions")
    .description("print a script that completes commands and options in a shell")
    .addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish"]))
    .addHelpText(
      "after",
      `
Examples:
  source <(memberlist completions bash)                                     # in ~/.bashrc
  memberlist completions zsh > "\${fpath[1]}/_memberlist"
  memberlist completions fish > ~/.config/fish/completions/memberlist.fish`,
    )
    .action((shell: "bash" | "zsh" | "fish") => io.write(scripts[shell](completionsOf(root, ""))));
}

function completionsOf(command: Command, path: string): readonly Completion[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command).filter((one) => one.name() !== "help");
  const options = help.visibleOptions(command).map(({ long, description }) => ({ word: long ?? "", description }));
  const values = help
    .visibleOptions(command)
    .flatMap(({ long, argChoices }) =>
      typeof long !== "string" || argChoices === undefined ? [] : [{ option: long, choices: argChoices }],
    );
  const words = [...commands.map((one) => ({ word: one.name(), description: one.description() })), ...options];
  return [
    { path, words, values },
    ...commands.flatMap((one) => completionsOf(one, path === "" ? one.name() : `${path} ${one.name()}`)),
  ];
}

const wordList = ({ words }: Completion): string => words.map(({ word }) => word).join(" ");

/** Makes the script for bash. It finds the command by the words before the cursor, and skips options. */
function bash(all: readonly Completion[]): string {
  const cases = all.map((one) => `    "${one.path}") words="${wordList(one)}" ;;`).join("\n");
  const values = all
    .flatMap(({ path, values: own }) =>
      own.map(({ option, choices }) => `    "${path} ${option}") words="${choices.join(" ")}" ;;`),
    )
    .join("\n");
  return `_memberlist() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" i word
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "\${path:+$path }$word" in
      ${all.flatMap(({ path }) => (path === "" ? [] : [`"${path}"`])).join("|")}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases}
  esac
  case "$path \${COMP_WORDS[COMP_CWORD - 1]}" in
${values}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _memberlist memberlist
`;
}

function zsh(all: readonly Completion[]): string {
  return `#compdef memberlist
autoload -U +X bashcompinit && bashcompinit
${bash(all)}`;
}

function fish(all: readonly Completion[]): string {
  const lines = all.flatMap(({ path, words, values }) => {
    const condition =
      path === ""
        ? "__fish_use_subcommand"
        : path
            .split(" ")
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join("; and ");
    return words.map(({ word, description }) => {
      const text = description.replaceAll("\\", "").replaceAll("'", "");
      const choices = values.find(({ option }) => option === word)?.choices;
      const value = choices === undefined ? "" : ` -x -a '${choices.join(" ")}'`;
      return `complete -c memberlist -n '${condition}' ${word.startsWith("--") ? `-l ${word.slice(2)}${value}` : `-f -a ${word}`} -d '${text}'`;
    });
  });
  return `${lines.join("\n")}\n`;
}

const scripts = { bash, zsh, fish } as const;
