//! An update (moby `postContainersUpdate`): limits and restart policy, in the shape of the same members of `HostConfig`.

use super::{host, resources};
use crate::error::{ApiError, Result};
use crate::fields;
use crate::version::Version;
use crate::wire::config::Config;
use crate::wire::host::HostConfig;
use vch_engine::requests::Update;

/// What is to change, and what its client should know. Members that an update does not have are passed over, as by
/// dockerd.
///
/// # Errors
/// 400 where dockerd would say so too, 501 for what vch does not do, or not to a container that is there.
pub(crate) fn update(mut body: HostConfig, version: Version) -> Result<(Update, Vec<String>)> {
    if version.before(40) {
        body.pids_limit = None;
    }
    if version.since(42) {
        body.kernel_memory = 0;
    }
    let mut warnings = Vec::new();
    let policy = host::restart(&body.restart_policy)?;
    let resources = resources::changed(&body, &mut warnings)?;
    for (field, asked) in [
        ("Devices", !body.devices.is_empty()),
        ("Ulimits", !body.ulimits.is_empty()),
        ("DeviceRequests", body.device_requests.as_ref().is_some_and(|list| !list.is_empty())),
        ("DeviceCgroupRules", body.device_cgroup_rules.as_ref().is_some_and(|list| !list.is_empty())),
    ] {
        if asked {
            return Err(ApiError::not_implemented(format!("{field} cannot be changed once a container is there")));
        }
    }
    let limits = HostConfig {
        cgroup_parent: body.cgroup_parent,
        blkio_weight: body.blkio_weight,
        blkio_weight_device: body.blkio_weight_device,
        blkio_device_read_bps: body.blkio_device_read_bps,
        blkio_device_write_bps: body.blkio_device_write_bps,
        blkio_device_read_iops: body.blkio_device_read_iops,
        blkio_device_write_iops: body.blkio_device_write_iops,
        ..HostConfig::default()
    };
    fields::refuse(&Config::default(), &limits)?;
    let restart = (!body.restart_policy.name.is_empty()).then_some(policy);
    Ok((Update { resources, restart }, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::negotiate;
    use crate::wire::update::UpdateRequest;

    fn decoded(body: &str, version: &str) -> Result<(Update, Vec<String>)> {
        let UpdateRequest(body) = serde_json::from_str(body).unwrap();
        update(body, negotiate(Some(version))?)
    }

    #[test]
    fn what_is_not_given_is_left_alone() {
        for body in ["{}", "null", r#"{"Binds":["/a:/b"]}"#] {
            assert_eq!(decoded(body, "1.50").unwrap(), (Update::default(), Vec::new()));
        }
        assert_eq!(decoded(r#"{"cpushares":7}"#, "1.50").unwrap().0.resources.cpu_shares, 7);
        let (asked, _) =
            decoded(r#"{"Memory":67108864,"PidsLimit":-1,"RestartPolicy":{"Name":"always"}}"#, "1.50").unwrap();
        assert_eq!((asked.resources.memory, asked.resources.memory_swap), (64 << 20, 0));
        assert_eq!(asked.resources.pids_limit, Some(0));
        assert_eq!(asked.restart.unwrap().name, "always");
        assert_eq!(decoded(r#"{"PidsLimit":5}"#, "1.39").unwrap().0.resources.pids_limit, None);
        assert_eq!(decoded(r#"{"MemorySwap":67108864}"#, "1.50").unwrap().0.resources.memory_swap, 64 << 20);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (body, status, words) in [
            (r#"{"Memory":1024}"#, 400, "Minimum memory limit allowed is 6MB"),
            (r#"{"RestartPolicy":{"Name":"bogus"}}"#, 400, "invalid restart policy: unknown policy 'bogus'"),
            (r#"{"BlkioWeight":300}"#, 501, "HostConfig.BlkioWeight is not supported"),
            (r#"{"Ulimits":[{"Name":"nofile","Soft":1,"Hard":2}]}"#, 501, "Ulimits cannot be changed"),
        ] {
            let error = decoded(body, "1.50").unwrap_err();
            assert_eq!(error.status.as_u16(), status);
            assert!(error.message.contains(words), "{}", error.message);
        }
    }
}
