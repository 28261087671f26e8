// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - load and unload
 */
#include <linux/kvm_pv_backend.h>
#include <linux/module.h>

#include "iocore.h"

/* The build may name another. */
#ifndef IOCORE_VERSION
#define IOCORE_VERSION	"0.1.0"
#endif

static const struct kvm_pv_backend iocore_backend = {
	.owner		= THIS_MODULE,
	.nr		= IOCORE_HC,
	.hypercall	= iocore_hypercall,
	.vm_destroy	= iocore_vm_destroy,
	.vm_reset	= iocore_vm_user_reset,
};

/* No VM can be attached to before KVM tells us when VMs end. */
static int __init iocore_init(void)
{
	int ret;

	iocore_vm_init();

	ret = iocore_core_init();
	if (ret)
		return ret;

	ret = iocore_sysfs_init();
	if (ret)
		goto err_core;

	ret = kvm_pv_backend_register(&iocore_backend);
	if (ret)
		goto err_sysfs;

	ret = iocore_configfs_init();
	if (ret)
		goto err_backend;

	ret = iocore_chardev_init();
	if (ret)
		goto err_configfs;

	return 0;

err_configfs:
	iocore_configfs_exit();
err_backend:
	iocore_vm_destroy_all();
	kvm_pv_backend_unregister(&iocore_backend);
	iocore_direct_exit();
	rcu_barrier();
err_sysfs:
	iocore_sysfs_exit();
err_core:
	iocore_core_exit();
	return ret;
}

/*
 * No attachment, disk or core is left: each of them holds the module. What may
 * be left are VMs that have spoken to us. They are forgotten while KVM still
 * calls back, so that none of them can end while it is being forgotten.
 */
static void __exit iocore_exit(void)
{
	iocore_chardev_exit();
	iocore_configfs_exit();
	iocore_vm_destroy_all();
	kvm_pv_backend_unregister(&iocore_backend);
	iocore_direct_exit();
	rcu_barrier();
	iocore_sysfs_exit();
	iocore_core_exit();
}

module_init(iocore_init);
module_exit(iocore_exit);

MODULE_DESCRIPTION("Exitless block I/O for KVM, host side");
MODULE_AUTHOR("The iocore developers");
MODULE_VERSION(IOCORE_VERSION);
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: kvm");
