/// The processor time that control groups grant to a process.
///
/// Source: cgroups(7) and proc_pid_mountinfo(5) for the folders; the kernel documentation of `cpu.max` (control
/// group v2) and of `cpu.cfs_quota_us` (version 1, "CFS Bandwidth Control") for the quotas.
package enum CPUQuota {
  /// Returns the lowest quota of the control groups of the process and of their visible ancestors, in whole
  /// processors rounded up, or nil if there is none.
  ///
  /// - Parameter read: Returns the content of a file, or nil if it cannot be read.
  package static func processorCount(read: (String) -> String?) -> Int? {
    guard let groups = read("/proc/self/cgroup"), let mounts = read("/proc/self/mountinfo") else {
      return nil
    }
    return folders(groups: groups, mounts: mounts).compactMap { folder in
      if let limit = read(folder + "/cpu.max") { return quota(limit: limit) }
      guard let time = read(folder + "/cpu.cfs_quota_us"),
        let period = read(folder + "/cpu.cfs_period_us")
      else { return nil }
      return quota(limit: time + " " + period)
    }.min()
  }

  /// Returns the quota of a text that states a time and a period in microseconds, rounded up to whole processors: 2
  /// for `150000 100000`. Returns nil for `max`, -1 and other texts.
  package static func quota(limit: String) -> Int? {
    let words = limit.split(whereSeparator: \.isWhitespace)
    guard words.count == 2, let time = Int(words[0]), let period = Int(words[1]), time > 0,
      period > 0
    else { return nil }
    return time / period + (time % period == 0 ? 0 : 1)
  }

  /// Returns the folders of the control groups that may limit the processor time: first the group of the process,
  /// then its ancestors up to the mount point of the hierarchy.
  ///
  /// - Parameters:
  ///   - groups: The content of `/proc/self/cgroup`.
  ///   - mounts: The content of `/proc/self/mountinfo`.
  package static func folders(groups: String, mounts: String) -> [String] {
    var folders: [String] = []
    for line in mounts.split(separator: "\n") {
      guard let mount = Mount(line), let group = group(of: mount, in: groups) else { continue }
      var path = mount.pathInside(group)
      while !path.isEmpty {
        folders.append(mount.point + path)
        path = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
      }
      folders.append(mount.point)
    }
    return folders
  }

  /// Returns the path of the control group of the process in the mounted hierarchy.
  private static func group(of mount: Mount, in groups: String) -> Substring? {
    for line in groups.split(separator: "\n") {
      // A line is `4:cpu,cpuacct:/user.slice`, for example, or `0::/user.slice` for version 2.
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let isSame =
        mount.isUnified
        ? fields[0] == "0" && fields[1].isEmpty
        : fields[1].split(separator: ",").contains("cpu")
      if isSame { return fields[2] }
    }
    return nil
  }

  /// A mount of a control group hierarchy that may limit processor time.
  private struct Mount {
    var isUnified: Bool
    /// The control group that is visible at the mount point.
    var root: String
    var point: String

    /// - Parameter line: A line such as `33 24 0:29 / /sys/fs/cgroup/cpu rw,nosuid shared:15 - cgroup cgroup rw,cpu`.
    init?(_ line: Substring) {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else {
        return nil
      }
      switch fields[dash + 1] {
      case "cgroup2": isUnified = true
      case "cgroup" where fields[dash + 3].split(separator: ",").contains("cpu"): isUnified = false
      default: return nil
      }
      root = Self.unescaped(fields[3])
      point = Self.unescaped(fields[4])
    }

    /// Returns the path below the mount point. It is empty for the mount point itself and for groups that are not
    /// visible through this mount.
    func pathInside(_ group: Substring) -> Substring {
      let inside: Substring
      if root == "/" {
        inside = group
      } else if group.hasPrefix(root) {
        inside = group.dropFirst(root.count)
      } else {
        return ""
      }
      guard inside.hasPrefix("/"), inside != "/", !inside.split(separator: "/").contains("..")
      else {
        return ""
      }
      return inside
    }

    /// Returns the field with its escapes decoded: a space, for example, is a backslash and three octal digits.
    private static func unescaped(_ field: Substring) -> String {
      var bytes: [UInt8] = []
      var rest = field.utf8[...]
      while let byte = rest.popFirst() {
        let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
        if byte == UInt8(ascii: "\\"), rest.count >= 3, let code {
          bytes.append(code)
          rest.removeFirst(3)
        } else {
          bytes.append(byte)
        }
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }
}
