package sovd_test

func gatewayMain() {}
