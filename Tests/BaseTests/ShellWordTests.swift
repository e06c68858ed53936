import Base
import Foundation
import TestSupport
import Testing

/// Words for a shell.
@Suite struct ShellWordTests {
  private static let texts = [
    "", "plain", "a b", "it's", "$HOME", "$(echo x)", "`echo x`", "a\"b", "*", "~", "#", "\\",
    "a\\nb",
    "-n", "a;b", "a&b", "naïve", "文", "a\nb", "\t", "\u{1}", "\u{7F}", "'\n'", "\\\n", "!x",
    "{a,b}",
    "[a]", "a=b", "a\n",
  ]

  @Test("a shell reads a word as the text", arguments: texts)
  func word(text: String) throws {
    let run = try CommandRun.sumac(
      ["-c", "printf '%s|' \(text.shellWord)"], program: "/bin/bash")
    #expect(run.status == 0 && run.output == text + "|", "\(text.shellWord)")
    #expect(!text.shellWord.contains { $0.isNewline })
  }

  @Test("plain words have no quotes")
  func plain() {
    #expect("model-00001-of-2.safetensors".shellWord == "model-00001-of-2.safetensors")
    #expect("a b".shellWord == "'a b'")
    #expect("".shellWord == "''")
  }
}
