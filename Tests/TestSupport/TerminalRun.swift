import Foundation
import Glibc

/// A run of the program in a terminal, as a user sees it.
package enum TerminalRun {
  /// The combined text of standard output and standard error, with line feeds as line ends.
  /// - Parameter environment: Variables that are added to those of ``CommandRun``.
  package static func sumac(
    _ arguments: [String], in folder: String, columns: Int, environment: [String: String] = [:]
  ) throws -> (status: Int32, screen: String) {
    let main = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY)
    // TIOCSPTLCK unlocks the other side, and TIOCGPTN returns its number.
    var (lock, number) = (Int32(0), UInt32(0))
    guard main >= 0, unsafe ioctl(main, 0x4004_5431, &lock) == 0,
      unsafe ioctl(main, 0x8004_5430, &number) == 0
    else { throw POSIXError(.ENOTTY) }
    let name = "/dev/pts/\(number)"
    var size = winsize(ws_row: 50, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    _ = unsafe ioctl(main, UInt(TIOCSWINSZ), &size)
    let side = unsafe open(name, O_RDWR | O_NOCTTY)
    guard side >= 0 else { throw POSIXError(.ENOTTY) }
    let terminal = FileHandle(fileDescriptor: side, closeOnDealloc: true)
    let process = CommandRun.process(
      arguments, in: folder, environment: ["TERM": "xterm"].merging(environment) { $1 })
    process.standardOutput = terminal
    process.standardError = terminal
    try process.run()
    try terminal.close()
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      // Reading fails with EIO after the last process on the other side has ended.
      let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(main, $0.baseAddress, 4096) }
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    process.waitUntilExit()
    close(main)
    let screen = String(decoding: bytes, as: UTF8.self).replacingOccurrences(of: "\r\n", with: "\n")
    return (process.terminationStatus, screen)
  }
}
