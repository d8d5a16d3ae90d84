// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import HTTP
import Testing
import cierzo

@Suite struct SettingsTests {
    /// Checks that the sample's value is in its own field and all others are as they were.
    private func expectAlone(_ sample: SettingSample, in configuration: ServiceConfiguration) {
        for setting in SettingTable.rows {
            let isOwn = setting.key == sample.setting.key
            #expect(
                setting.value(in: configuration) == (isOwn ? sample.value : setting.defaultValue),
                "\(setting.key)")
        }
    }

    @Test func `every setting has a flag`() throws {
        let found = try flags(SettingSample.all.flatMap(\.arguments))
        #expect(found.count == SettingSample.all.count)
        for sample in SettingSample.all {
            #expect(found[sample.setting.key] == sample.value, "\(sample.setting.key)")
        }
    }

    @Test(arguments: SettingSample.all)
    func `every setting is set by its flag, and nothing else is`(_ sample: SettingSample) throws {
        let settings = try Settings(
            flags: [sample.setting.key: sample.value], file: nil, environment: [:])
        expectAlone(sample, in: settings.configuration)
        #expect(settings.listing().contains("# flag"))
    }

    @Test(arguments: SettingSample.all)
    func `every setting is set by its variable`(_ sample: SettingSample) throws {
        let settings = try Settings(flags: [:], file: nil, environment: sample.environment)
        expectAlone(sample, in: settings.configuration)
        #expect(settings.listing().contains("# environment"))
    }

    @Test(arguments: SettingSample.all)
    func `every setting is set by the file`(_ sample: SettingSample) throws {
        try withConfigurationFile(sample.line) { path in
            let settings = try Settings(flags: [:], file: path, environment: [:])
            expectAlone(sample, in: settings.configuration)
            #expect(settings.listing().contains("# \(path)"))
        }
    }

    @Test func `a flag wins over the environment, that over the file, that over the default`()
        throws
    {
        try withConfigurationFile("port: 1\nmax-queue: 1\ncontext: 100\n") { path in
            let settings = try Settings(
                flags: flags(["--port", "3"]), file: path,
                environment: ["CIERZO_PORT": "2", "CIERZO_MAX_QUEUE": "2"])
            #expect(settings.configuration.http.port == 3)
            let listing = settings.listing().split(separator: "\n").map(String.init)
            #expect(listing.contains("port                  3  # flag"))
            #expect(listing.contains("max-queue             2  # environment"))
            #expect(listing.contains("context               100  # \(path)"))
            #expect(listing.contains("body-timeout          60  # default"))
        }
    }

    @Test func `sizes in MiB and times in seconds arrive in the field's unit`() throws {
        let settings = try Settings(
            flags: flags(["--max-body-memory", "512", "--idle-timeout", "90"]), file: nil,
            environment: [:])
        #expect(settings.configuration.http.maxBodyMemoryBytes == 512 << 20)
        #expect(settings.configuration.http.timeouts.idle == .seconds(90))
    }

    @Test func `origins and hosts may be separated by commas on the command line`() throws {
        let settings = try Settings(
            flags: flags(["--allowed-hosts", "one.example,two.example", "three.example"]),
            file: nil, environment: [:])
        #expect(
            SettingTable.row("allowed-hosts")?.value(in: settings.configuration)
                == .texts(["one.example", "two.example", "three.example"]))
    }

    @Test func `an empty text makes an empty list, whatever stood there`() throws {
        let hosts = SettingTable.row("allowed-hosts")
        let flag = try Settings(
            flags: flags(["--allowed-origins", "", "--allowed-hosts", ""]), file: nil,
            environment: ["CIERZO_ALLOWED_HOSTS": "one.example"])
        #expect(hosts?.value(in: flag.configuration) == .texts([]))
        let variable = try Settings(
            flags: [:], file: nil,
            environment: ["CIERZO_ALLOWED_ORIGINS": "", "CIERZO_ALLOWED_HOSTS": ""])
        #expect(hosts?.value(in: variable.configuration) == .texts([]))
    }

    @Test func `commas separate nothing within an element of the file`() throws {
        let hosts = try withConfigurationFile("allowed-hosts: [\"one,two\", three]\n") { path in
            let settings = try Settings(flags: [:], file: path, environment: [:])
            return SettingTable.row("allowed-hosts")?.value(in: settings.configuration)
        }
        #expect(hosts == .texts(["one,two", "three"]))
    }

    @Test func `the listing of defaults is as operators know it`() throws {
        let settings = try Settings(flags: [:], file: nil, environment: [:])
        #expect(settings.listing() == Self.defaultListing)
    }

    @Test func `keys are counted and never shown`() throws {
        let settings = try Settings(
            flags: [:], file: nil, environment: ["CIERZO_API_KEYS": "secret-one, secret-two"])
        #expect(settings.listing().contains("api-keys              (2 hidden)  # environment"))
        #expect(!settings.listing().contains("secret-"))
    }

    private static let defaultListing = """
        model                 (required unless models says what to serve)  # default
        accept-stale          false  # default
        verify                false  # default
        served-name           (the model's)  # default
        models                []  # default
        memory-limit          (none for one model, 80% for several)  # default
        model-wait            60  # default
        host                  127.0.0.1  # default
        port                  8080  # default
        socket-access         group  # default
        tls-cert              (none, plain HTTP)  # default
        tls-key               (none)  # default
        tls-client-ca         (none, clients need no certificate)  # default
        api-keys              []  # default
        key-weights           []  # default
        key-file              (none)  # default
        jwt-keys              (none, no tokens are taken)  # default
        jwt-secret            (none)  # default
        jwt-issuer            (none)  # default
        jwt-audience          (none)  # default
        jwt-leeway            30  # default
        insecure              false  # default
        allowed-origins       []  # default
        allowed-hosts         []  # default
        usage-file            (none, nothing is counted)  # default
        audit                 (none, nothing is recorded)  # default
        audit-content         none  # default
        audit-content-key     (none)  # default
        audit-file-size       64  # default
        audit-age             (for ever)  # default
        threads               (what affinity and cgroup allow)  # default
        pin                   automatic  # default
        kernels               automatic  # default
        context               (the model's, at most 32768)  # default
        rope-scaling          none  # default
        block-size            16  # default
        kv-type               f16  # default
        kv-memory             (4 contexts, at most a quarter of memory)  # default
        adapter-directory     (none, adapters are loaded at the start only)  # default
        cache-directory       (none, prompts are computed anew after a restart)  # default
        cache-disk-limit      10240  # default
        max-sequences         64  # default
        max-queue             256  # default
        max-batch-tokens      512  # default
        prefill-chunk         256  # default
        no-speculation        false  # default
        dialect               openai  # default
        strict-mistral        false  # default
        share-prefix-cache    false  # default
        keep-alive-interval   10  # default
        heartbeats            false  # default
        no-page               false  # default
        tool-servers          []  # default
        allow-repetition      false  # default
        storage               (none, nothing is stored)  # default
        storage-responses     10000  # default
        storage-size          1024  # default
        storage-age           2592000  # default
        jobs-directory        (none, no files are kept)  # default
        jobs-key              (none, files are not encrypted)  # default
        max-file-size         512  # default
        files-per-key         1000  # default
        files-size-per-key    10240  # default
        files-size            102400  # default
        files-age             (for ever)  # default
        batch-lines           50000  # default
        batches-per-key       100  # default
        batches-at-once       4  # default
        batch-webhook         (none, nobody is told)  # default
        batch-webhook-secret  (none)  # default
        max-body-bytes        16777216  # default
        max-body-memory       (16 of the largest bodies)  # default
        max-header-bytes      65536  # default
        max-header-count      100  # default
        max-connections       (what open files allow, to 16384)  # default
        max-per-address       (half of max-connections)  # default
        header-timeout        10  # default
        body-timeout          60  # default
        write-timeout         30  # default
        idle-timeout          75  # default
        compress-streams      false  # default
        shutdown-grace        30  # default
        log-level             info  # default
        otlp-endpoint         (none, nobody is told)  # default
        log-format            text  # default
        """
}
