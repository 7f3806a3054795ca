// Reads lines of JSON strings, reads the JSON in each, and writes what it says. With an argument a package does it.
const name = process.argv[2];
const read = name
  ? (text) => {
      const errors = [];
      const value = require(name).parse(text, errors, { disallowComments: true });
      if (errors.length > 0) throw new Error(JSON.stringify(errors));
      return value;
    }
  : JSON.parse;
let rest = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  for (const line of lines) {
    let answer;
    try {
      answer = JSON.stringify(read(JSON.parse(line)));
    } catch (error) {
      answer = "!" + error.message.replaceAll("\n", " ");
    }
    process.stdout.write(answer + "\n");
  }
});
