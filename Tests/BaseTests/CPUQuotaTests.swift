import Base
import Testing

/// Quotas of control groups, computed from the content of files of the kernel.
@Suite struct CPUQuotaTests {
  private static let unified = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw"
  private static let separate = """
    24 18 0:22 / /sys/fs/cgroup ro shared:8 - tmpfs tmpfs ro,mode=755
    33 24 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:15 - cgroup cgroup rw,cpu,cpuacct
    34 24 0:30 / /sys/fs/cgroup/cpuset rw shared:16 - cgroup cgroup rw,cpuset
    35 24 0:31 / /sys/fs/cgroup/unified rw shared:17 - cgroup2 cgroup2 rw
    """

  @Test(
    "a limit is rounded up to whole processors",
    arguments: [
      ("max 100000\n", nil), ("100000 100000\n", 1), ("150000 100000", 2), ("1000 100000", 1),
      ("6400000 50000\n", 128), ("-1\n 100000\n", nil), ("0 100000", nil), ("1 0", nil),
      ("9223372036854775807 2", 4_611_686_018_427_387_904), ("100000", nil), ("", nil),
    ] as [(String, Int?)])
  func quota(limit: String, expected: Int?) {
    #expect(CPUQuota.quota(limit: limit) == expected)
  }

  @Test(
    "the folders are those of the group of the process and of its ancestors",
    arguments: [
      ("0::/\n", unified, ["/sys/fs/cgroup"]),
      (
        "0::/a.slice/b.scope\n", unified,
        ["/sys/fs/cgroup/a.slice/b.scope", "/sys/fs/cgroup/a.slice", "/sys/fs/cgroup"]
      ),
      (
        "5:cpuset:/x\n4:cpu,cpuacct:/a/b\n0::/c\n", separate,
        [
          "/sys/fs/cgroup/cpu,cpuacct/a/b", "/sys/fs/cgroup/cpu,cpuacct/a",
          "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/unified/c", "/sys/fs/cgroup/unified",
        ]
      ),
      // A container that sees only its own group, whose path is given from outside.
      (
        "4:cpu:/docker/1f/in\n", "9 8 0:7 /docker/1f /cpu ro - cgroup cgroup rw,cpu",
        ["/cpu/in", "/cpu"]
      ),
      ("4:cpu:/docker/2\n", "9 8 0:7 /docker/1f /cpu ro - cgroup cgroup rw,cpu", ["/cpu"]),
      ("4:cpu:/docker/1fa\n", "9 8 0:7 /docker/1f /cpu ro - cgroup cgroup rw,cpu", ["/cpu"]),
      ("0::/../../other\n", unified, ["/sys/fs/cgroup"]),
      (
        "0::/a:b\n", #"9 8 0:7 / /my\040groups rw - cgroup2 none rw"#,
        ["/my groups/a:b", "/my groups"]
      ),
      ("4:cpuset:/x\n", separate, []), ("", unified, []), ("0::/", "", []),
      ("nonsense\n0::/\n", "nonsense - cgroup2\n1 2 3 4 5 6 - cgroup2 a", []),
    ])
  func folders(groups: String, mounts: String, expected: [String]) {
    #expect(CPUQuota.folders(groups: groups, mounts: mounts) == expected)
  }

  private static let files = [
    "/proc/self/cgroup": "0::/a/b\n", "/proc/self/mountinfo": unified,
    "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n", "/sys/fs/cgroup/a/cpu.max": "250000 100000\n",
  ]
  private static let filesOfVersion1 = [
    "/proc/self/cgroup": "4:cpu,cpuacct:/a\n0::/\n", "/proc/self/mountinfo": separate,
    "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "400000\n",
    "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
    "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
  ]

  @Test("the lowest quota counts, in both versions")
  func lowest() {
    #expect(CPUQuota.processorCount { Self.files[$0] } == 3)
    #expect(CPUQuota.processorCount { Self.filesOfVersion1[$0] } == 4)
    #expect(
      CPUQuota.processorCount {
        $0.hasSuffix("/b/cpu.max") ? "100000 100000" : Self.files[$0]
      } == 1)
    #expect(CPUQuota.processorCount { $0.hasSuffix("max") ? nil : Self.files[$0] } == nil)
    #expect(CPUQuota.processorCount { _ in nil } == nil)
  }

  @Test("the lower of affinity and quota is used, and at least one processor")
  func usable() {
    #expect(ProcessorCount(affinity: 8, quota: nil).usable == 8)
    #expect(ProcessorCount(affinity: 8, quota: 3).usable == 3)
    #expect(ProcessorCount(affinity: 2, quota: 3).usable == 2)
    #expect(ProcessorCount(affinity: 0, quota: nil).usable == 1)
    #expect(ProcessorCount.current().usable >= 1)
  }
}
