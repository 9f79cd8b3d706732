return { name = "Linux", attach = function() return nil, "not yet" end }
